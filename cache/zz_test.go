package cache
import ("testing";"fmt";"os";"bufio";"strings"
"github.com/entcache/ent-cache/codec")
func TestZZ(t *testing.T){
 f,_:=os.Open("/tmp/zz.sql"); sc:=bufio.NewScanner(f); s:=statementSchema()
 for sc.Scan(){ l:=sc.Text(); if l==""{continue}
  d:="sqlite3"; if strings.HasPrefix(l,"pg ") {d="postgres";l=l[3:]} else if strings.HasPrefix(l,"my "){d="mysql";l=l[3:]}
  st:=Analyze(s,d,l)
  fmt.Println(d, l); 
  if st.Reason()!=Cacheable {fmt.Println("   ->",st.Reason(),st.Detail());continue}
  fs:=Facts{Spell:true}; st.Facts(&fs,[]any{1,2,3,4},&codec.Rows{})
  fmt.Println("   ",fs.Tags, "root",st.root!=nil,"counts",st.Counts(),"sens",st.Sensitive())
  if st.root!=nil {fmt.Println("    rootfallback", st.root.fallback.Tags)}
 }
}
